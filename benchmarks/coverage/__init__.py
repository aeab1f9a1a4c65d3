"""How often limits cover and tests reject in studies of 22 patients whose truth is known."""
