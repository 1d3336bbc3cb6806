"""What it would take to scan very many clips: assumptions, formulas, a simulation of events, and what is measured."""
