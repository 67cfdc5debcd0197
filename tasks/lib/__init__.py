"""What several tasks share: idempotent operations and facts that pyinfra does not have."""
