"""The fault grid: at every point of the flow every fault strikes real processes, and everybody still gets a match.

Nothing in the product knows of it: the points are seen from outside, by proxies on every link.
"""
