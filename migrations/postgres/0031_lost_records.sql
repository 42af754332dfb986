-- Records of Kafka that retention removed before they were read: from the position of the group to the first record that was left.
CREATE TABLE lost_records (
    topic TEXT NOT NULL,
    partition BIGINT NOT NULL,
    from_offset BIGINT NOT NULL,
    to_offset BIGINT NOT NULL,
    noticed_ms BIGINT NOT NULL,
    PRIMARY KEY (topic, partition, from_offset)
);
