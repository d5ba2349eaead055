"""Readers as :class:`tf.data.Dataset`: the only part of binfeed that imports TensorFlow."""
