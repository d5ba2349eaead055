"""What it costs to read the rows of a database: binfeed, drivers, and what people write around these."""
