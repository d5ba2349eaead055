"""How close the general decoder comes to loops written by hand for one record: ``python -m benchmarks.roofline``."""
