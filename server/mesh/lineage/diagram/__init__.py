"""Pictures of lineage as text that other tools draw."""
