"""What a run says: the console and the page."""
