"""What tests share: real stores, real children, worlds made of memory."""
