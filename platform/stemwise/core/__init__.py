"""What every stage knows: errors, the nouns that stages exchange, the stem tree, where things lie."""
