/** The sinks that obisd brings along. @module */
