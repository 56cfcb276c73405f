"""How it is wired: definitions, jobs, schedules, environments. No business logic."""
