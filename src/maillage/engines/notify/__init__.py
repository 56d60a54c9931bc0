"""Ways to reach people: e-mail by SMTP, signed webhooks."""
