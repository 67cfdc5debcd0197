"""What several tasks share and pyinfra has no word for: no operation and no fact lies here."""
