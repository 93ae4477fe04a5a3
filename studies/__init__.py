"""Programs that create the shipped artefacts and the tables of the documentation."""
