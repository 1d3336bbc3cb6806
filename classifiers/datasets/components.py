"""Connected components: which samples belong together, directly or through others."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def connected(nodes: Iterable[Node], links: Iterable[tuple[Hashable, Hashable]]) -> list[list[Node]]:
    """Find the connected components of a graph.

    Args:
        nodes: all that is to be grouped, in the order in which it is to come out.
        links: pairs of nodes, or of further things that only serve to link nodes.

    Returns:
        The components that hold nodes, and only their nodes, each in the order of `nodes`, ordered by their first one.
    """
    parents: dict[Hashable, Hashable] = {}

    def root(node: Hashable) -> Hashable:
        parents.setdefault(node, node)
        while parents[node] != node:
            # Halving the path keeps later look-ups short.
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for one, other in links:
        parents[root(one)] = root(other)
    found: dict[Hashable, list[Node]] = {}
    for node in nodes:
        found.setdefault(root(node), []).append(node)
    return list(found.values())
