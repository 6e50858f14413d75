"""Mail from the durable outbox: composed, carried, and settled in the database afterwards."""
