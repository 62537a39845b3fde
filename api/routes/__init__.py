"""One router a noun. A router reads what is asked, checks the right, asks the scan or the records, and shapes the answer."""
