"""A task definition for ECS on EC2, from the settings."""
