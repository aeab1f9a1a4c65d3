"""Exports of other systems become study folders: REDCap, SDTM, timeline-followback calendars."""
