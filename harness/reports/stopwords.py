"""Words that say nothing of where to look in a program: those of any English sentence, and of any finding."""

from __future__ import annotations

import re

COMMON = frozenset(
    re.findall(
        r"\w+",
        """
    about above after again against all almost alone along already also although always among and another any anybody
    anyone anything are around away because been before began begin behind being below beside besides between beyond both
    bring but came can cannot come comes could did does doing done down during each either else ended enough ever every
    everybody everything exactly expected fail failed fails far few first following for found from further gave get gets
    give gives goes going gone got had has have having held her here him his hold holds how however into its itself just
    keep kept knows last late later lead leads least leave leaves less let like lost made make makes many may means might
    missing more most much must near never new next nobody none nor not nothing now off often once one only onto order
    other others ought our out over own part pass passed passes per place promised put rather read right said same saw say
    says seen sent service several shall she should show shown shows since soon some somebody something stay stayed stays
    still stood such take taken takes tell than that the their them then there these they thing this those though through
    thus till times together told too took toward true twice two under unless until upon used uses using very was way well
    went were what whatever when where whether which while who whoever whole whom whose why will with within without work
    works would yet you your

    answer answered answers body bodies call called calls client clients code error errors message name named names number
    request requested requests reply response result results status test tests time times value values
    """,
    )
)
"""In small letters, the last of them such as any program that serves requests is full of; whoever looks for words leaves
these out."""
