import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.spark.SparkConf;
import org.apache.spark.streaming.Durations;
import org.apache.spark.streaming.api.java.JavaInputDStream;
import org.apache.spark.streaming.api.java.JavaStreamingContext;
import org.apache.spark.streaming.kafka010.CanCommitOffsets;
import org.apache.spark.streaming.kafka010.ConsumerStrategies;
import org.apache.spark.streaming.kafka010.HasOffsetRanges;
import org.apache.spark.streaming.kafka010.KafkaUtils;
import org.apache.spark.streaming.kafka010.LocationStrategies;
import org.apache.spark.streaming.kafka010.OffsetRange;

/** Reads tweets in batches, decodes, encodes and writes them, with DStreams: at least once. */
public final class DStreams {
    public static void main(String[] args) throws Exception {
        Parent.obey();
        SparkConf conf = new SparkConf()
                .setAppName("tweets")
                .setMaster("local[" + Parent.setting("parallelism") + "]")
                .set("spark.ui.enabled", "false");
        JavaStreamingContext context =
                new JavaStreamingContext(conf, Durations.milliseconds(Parent.number("interval")));
        JavaInputDStream<ConsumerRecord<byte[], byte[]>> tweets = KafkaUtils.createDirectStream(
                context,
                LocationStrategies.PreferConsistent(),
                ConsumerStrategies.Subscribe(List.of(Parent.setting("in")), consumer()));
        CanCommitOffsets offsets = (CanCommitOffsets) tweets.inputDStream();
        AtomicReference<OffsetRange[]> done = new AtomicReference<>(new OffsetRange[0]);
        tweets.foreachRDD(batch -> {
            OffsetRange[] ranges = ((HasOffsetRanges) batch.rdd()).offsetRanges();
            batch.foreachPartition(records -> {
                TweetCodec codec = TweetCodec.ofThread();
                Output out = Output.get();
                while (records.hasNext()) {
                    out.write(codec.recode(records.next().value()));
                }
                out.flush();
            });
            offsets.commitAsync(ranges);
            done.set(ranges);
        });
        Parent.stopWith(() -> {
            context.stop(true, true);
            commit(done.get());
        });
        context.start();
        context.awaitTermination();
    }

    private static Map<String, Object> consumer() {
        return Map.of(
                "bootstrap.servers", Parent.setting("brokers"),
                "key.deserializer", ByteArrayDeserializer.class,
                "value.deserializer", ByteArrayDeserializer.class,
                "group.id", Parent.setting("group"),
                "group.instance.id", Parent.setting("group"),
                "session.timeout.ms", 6000,
                "auto.offset.reset", "earliest",
                "enable.auto.commit", false,
                "max.poll.records", 10000);
    }

    /** Commits the last batch: commitAsync sends when the next one begins, and there is none. */
    private static void commit(OffsetRange[] ranges) throws Exception {
        String group = Parent.setting("group");
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (OffsetRange r : ranges) {
            offsets.put(r.topicPartition(), new OffsetAndMetadata(r.untilOffset()));
        }
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", Parent.setting("brokers")))) {
            admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions()).all().get();
            admin.alterConsumerGroupOffsets(group, offsets).all().get();
        }
    }

    /** The producer of an executor, which all of its tasks share. */
    private static final class Output {
        private static final Output ONE = new Output();
        private final Producer<byte[], byte[]> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", Parent.setting("brokers"), "linger.ms", 5, "batch.size", 1 << 18),
                new ByteArraySerializer(),
                new ByteArraySerializer());
        private final String topic = Parent.setting("out");
        private final AtomicReference<Exception> failure = new AtomicReference<>();

        static Output get() {
            return ONE;
        }

        void write(byte[] value) {
            producer.send(new ProducerRecord<>(topic, value), (m, e) -> {
                if (e != null) {
                    failure.set(e);
                }
            });
        }

        void flush() throws Exception {
            producer.flush();
            if (failure.get() != null) {
                throw failure.get();
            }
        }
    }
}
