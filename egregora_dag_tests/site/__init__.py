"""What people read: Markdown files and the site."""
