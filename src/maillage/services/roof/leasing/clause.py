"""What is agreed about interference where nothing else is."""

FIRST_IN_TIME = (
    "First in time: equipment that is installed under this lease must not interfere with equipment that was in "
    "operation on this roof, or under a roof lease of this site signed earlier, when it was installed. Whoever came "
    "later remedies harmful interference within 48 hours of being told, or switches the equipment off until it is "
    "remedied, short tests excepted. The chain puts the same on whoever comes after, and on its own radios."
)
