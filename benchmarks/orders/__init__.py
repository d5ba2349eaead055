"""What an order costs: shuffles, windows, and files that are not in memory."""
