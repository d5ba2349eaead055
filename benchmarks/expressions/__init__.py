"""What arithmetic with features costs: binfeed, a loop written by hand, and libraries that compute with columns."""
