"""What reading objects from S3 costs: prices, and a prediction from a sample."""
