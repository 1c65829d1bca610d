from hypothesis import settings

# A busy machine must not fail a property: the only limit is the timeout of pytest.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
