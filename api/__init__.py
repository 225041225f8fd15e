"""The REST API over the records, and the web server for the explorer."""
