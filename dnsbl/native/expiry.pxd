"""Expiry: takes out of a tree what has expired."""

from dnsbl.native.ipv4 cimport Tree4
from dnsbl.native.ipv6 cimport Tree6

cdef long drop_due4(Tree4* tree, double now, long limit) noexcept nogil
cdef long drop_due6(Tree6* tree, double now, long limit) noexcept nogil
