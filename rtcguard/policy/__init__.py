"""What may pass: the configuration's model, reading it from YAML, and deciding. Pure."""
