"""The sandbox over HTTP: its API, its control panel for programs, and its hosted pages."""
