# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What the answers of a zone are made of, as C can read it."""

from libc.stdint cimport uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from dnsbl.native.values cimport CATEGORIES_MAX

_KEYS = {"off": KEYS_OFF, "optional": KEYS_OPTIONAL, "required": KEYS_REQUIRED}


cdef int set_up_plan(Plan* plan, object given) except -1:
    """Fills in a plan of zeros from a `dnsbl.zone.plan.Plan`; what it holds, `clear_plan` frees."""
    cdef unsigned int index
    if len(given.categories) > CATEGORIES_MAX or len(given.pointers) > POINTERS_MAX:
        raise ValueError("a plan with more categories or pointers than can be")
    if len(given.parts) > PARTS_MAX:
        raise ValueError("a plan with more parts than can be")
    plan.origin = _copied(given.origin)
    plan.origin_size = len(given.origin)
    plan.labels = given.labels
    plan.ttl_s = given.ttl_s
    plan.is_names = given.is_names
    plan.keys = _KEYS[given.keys]
    plan.authority = _copied(given.authority)
    plan.authority_size = len(given.authority)
    plan.pointers_count = len(given.pointers)
    for index in range(plan.pointers_count):
        if not 0 <= given.pointers[index] <= len(given.authority) - 2:
            raise ValueError("a pointer beyond its record")
        plan.pointers[index] = given.pointers[index]
    if not 0 <= given.serial_at <= len(given.authority) - 4:
        raise ValueError("a serial beyond its record")
    plan.serial_at = given.serial_at
    left = b"".join(bytes([len(label)]) + label for label in given.left)
    plan.left = _copied(left)
    plan.left_size = len(left)
    plan.categories = <Category*>calloc(len(given.categories) + 1, sizeof(Category))
    plan.parts = <Part*>calloc(len(given.parts) + 1, sizeof(Part))
    if plan.categories == NULL or plan.parts == NULL:
        raise MemoryError
    plan.categories_count = len(given.categories)
    for index in range(plan.categories_count):
        packed, text = given.categories[index]
        if len(packed) != 4 or len(text) > TEXT_MAX:
            raise ValueError("a category with no such answer or text")
        memcpy(plan.categories[index].answer, <const uint8_t*><bytes>packed, 4)
        plan.categories[index].text = _copied(text)
        plan.categories[index].size = len(text)
    plan.parts_count = len(given.parts)
    for index in range(plan.parts_count):
        _set_up_part(&plan.parts[index], given.parts[index])
    return 0


cdef int _set_up_part(Part* part, object given) except -1:
    cdef unsigned int index
    if not 0 <= given.shift < CATEGORIES_MAX:
        raise ValueError("a part beyond the categories")
    part.shift = given.shift
    part.tests = <Test*>calloc(len(given.tests) + 1, sizeof(Test))
    if part.tests == NULL:
        raise MemoryError
    part.tests_count = len(given.tests)
    for index in range(part.tests_count):
        part.tests[index].bits = given.tests[index][0]
        part.tests[index].listed = given.tests[index][1]
    return 0


cdef void clear_plan(Plan* plan) noexcept:
    """Gives back what a plan holds, were it set up in part only."""
    cdef unsigned int index
    if plan.categories != NULL:
        for index in range(plan.categories_count):
            free(plan.categories[index].text)
    if plan.parts != NULL:
        for index in range(plan.parts_count):
            free(plan.parts[index].tests)
    free(plan.categories)
    free(plan.parts)
    free(plan.origin)
    free(plan.authority)
    free(plan.left)


cdef uint8_t* _copied(bytes octets) except NULL:
    cdef uint8_t* copied = <uint8_t*>malloc(len(octets) + 1)
    if copied == NULL:
        raise MemoryError
    memcpy(copied, <const uint8_t*>octets, len(octets))
    return copied
