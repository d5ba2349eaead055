"""The shuffle of readers that have no exact one."""

#: Samples that a shuffle buffer holds: the usual choice where memory is no question.
SHUFFLE_BUFFER = 10_000
