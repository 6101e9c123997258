"""The operators' port: health, metrics, the registry of game servers, and a page that shows all of it live."""
