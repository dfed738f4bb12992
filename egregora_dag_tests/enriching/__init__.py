"""What is found out about links and files."""
