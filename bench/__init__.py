"""Measurements side by side: ours against what somebody would otherwise use. ``make bench`` runs them."""
