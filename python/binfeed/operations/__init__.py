"""The operations of a feature: each class says how one is written, what it is in NumPy, and how the core does it.

A class has the arguments, checked by the method of :class:`binfeed.Feature` that makes it; ``reference``, which defines
its result bit by bit; and ``plan``, which adds its steps, with the types that go in and come out, to a chain.
"""
