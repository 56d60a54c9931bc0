"""Tenants' containers by Podman: a manifest that Kubernetes would take too, played over its REST socket.

A container has no network but its own loopback. What is asked of it comes by sockets that are opened inside of its
network namespace, and so does the one way out that it may have: no bridge, no port on the host, no rule of a firewall
stands between tenants and the store's own services, because no path is there.
"""
