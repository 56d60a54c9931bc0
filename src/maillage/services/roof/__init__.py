"""The roof: what a store's roof covers by radio, which roofs are best, and how their mounts are let."""
