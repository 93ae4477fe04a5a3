"""Programs that create the shipped files and the tables of the documentation."""
