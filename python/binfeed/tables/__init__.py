"""Tables as a source: the rows of a query become samples, streamed or from a cache of binary records."""
