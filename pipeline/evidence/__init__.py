"""What people look at: pages, annotated copies, heat maps, notebooks."""
