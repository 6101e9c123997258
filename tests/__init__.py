"""The tests of matchd: run `trial tests`."""
