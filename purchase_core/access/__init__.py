"""What a customer may do: evaluate(projection, policy, at). Pure; no cron is needed to be right."""
