"""The aggregation service: one reward per sample out of a writing reward and a verdict."""
