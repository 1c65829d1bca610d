"""Simulator of Hashpipe: writes files as the real writer does."""
