"""The zoo: one file per architecture, one YAML in conf/model per model, and their checkpoints."""
