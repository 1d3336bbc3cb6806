"""What `scripts/reproduce_predecessors.py` trains on, measures, and writes."""
