"""Programs that make the shipped artefacts and the tables of the docs; no user calls them."""
