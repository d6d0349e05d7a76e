import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.storm.Config;
import org.apache.storm.LocalCluster;
import org.apache.storm.generated.KillOptions;
import org.apache.storm.kafka.bolt.KafkaBolt;
import org.apache.storm.kafka.bolt.mapper.FieldNameBasedTupleToKafkaMapper;
import org.apache.storm.kafka.spout.FirstPollOffsetStrategy;
import org.apache.storm.kafka.spout.KafkaSpout;
import org.apache.storm.kafka.spout.KafkaSpoutConfig;
import org.apache.storm.task.OutputCollector;
import org.apache.storm.task.TopologyContext;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.TopologyBuilder;
import org.apache.storm.topology.base.BaseRichBolt;
import org.apache.storm.tuple.Fields;
import org.apache.storm.tuple.Tuple;
import org.apache.storm.tuple.Values;

/** Reads, decodes, encodes and writes tweets in a topology: at least once. */
public final class Storm {
    public static void main(String[] args) throws Exception {
        Parent.obey();
        TopologyBuilder builder = new TopologyBuilder();
        builder.setSpout("read", new KafkaSpout<>(input()), Parent.number("spouts"));
        builder.setBolt("decode", new Decoder(), Parent.number("tasks")).shuffleGrouping("read");
        builder.setBolt("encode", new Encoder(), Parent.number("tasks")).shuffleGrouping("decode");
        builder.setBolt("write", output(), Parent.number("writers")).shuffleGrouping("encode");
        Config conf = new Config();
        conf.setNumWorkers(1);
        conf.setNumAckers(1);
        conf.setMaxSpoutPending(Parent.number("pending"));
        conf.put(Config.TOPOLOGY_ENABLE_MESSAGE_TIMEOUTS, true);
        conf.put(Config.TOPOLOGY_PRODUCER_BATCH_SIZE, Parent.number("batch"));
        conf.put(Config.TOPOLOGY_STATS_SAMPLE_RATE, 0.001);
        LocalCluster cluster = new LocalCluster();
        cluster.submitTopology("tweets", conf, builder.createTopology());
        Parent.stopWith(() -> {
            KillOptions wait = new KillOptions();
            wait.set_wait_secs(2); // spouts emit no more meanwhile, what is open ends
            cluster.killTopologyWithOpts("tweets", wait);
            while (!cluster.getClusterInfo().get_topologies().isEmpty()) {
                Thread.sleep(50);
            }
            cluster.close();
        });
    }

    private static KafkaSpoutConfig<byte[], byte[]> input() {
        return new KafkaSpoutConfig.Builder<byte[], byte[]>(Parent.setting("brokers"), Parent.setting("in"))
                .setProp("key.deserializer", ByteArrayDeserializer.class)
                .setProp("value.deserializer", ByteArrayDeserializer.class)
                .setProp("group.id", Parent.setting("group"))
                .setProp("max.poll.records", Parent.number("poll"))
                .setProcessingGuarantee(KafkaSpoutConfig.ProcessingGuarantee.AT_LEAST_ONCE)
                .setFirstPollOffsetStrategy(FirstPollOffsetStrategy.UNCOMMITTED_EARLIEST)
                .setOffsetCommitPeriodMs(200)
                .setRecordTranslator(r -> new Values((Object) r.value()), new Fields("value"))
                .build();
    }

    private static Writer output() {
        Properties producer = new Properties();
        producer.put("bootstrap.servers", Parent.setting("brokers"));
        producer.put("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
        producer.put("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
        producer.put("linger.ms", Parent.setting("linger"));
        producer.put("batch.size", 1 << 16);
        Writer bolt = new Writer();
        bolt.withProducerProperties(producer)
                .withTopicSelector(Parent.setting("out"))
                .withTupleToKafkaMapper(new FieldNameBasedTupleToKafkaMapper<>("key", "value"));
        return bolt;
    }

    /**
     * KafkaBolt acks on the producer's thread. Storm collects acks in a batch for each
     * thread, and flushes those of its own threads only: the last ones before a pause
     * would stay there until their trees time out.
     */
    private static final class Writer extends KafkaBolt<byte[], byte[]> {
        private final AtomicInteger open = new AtomicInteger();

        @Override
        public void prepare(Map<String, Object> conf, TopologyContext context, OutputCollector collector) {
            super.prepare(conf, context, new OutputCollector(collector) {
                @Override
                public void ack(Tuple in) {
                    super.ack(in);
                    if (open.decrementAndGet() == 0) {
                        flush();
                    }
                }

                @Override
                public void fail(Tuple in) {
                    super.fail(in);
                    open.decrementAndGet();
                    flush();
                }
            });
        }

        @Override
        protected void process(Tuple in) {
            open.incrementAndGet();
            super.process(in);
        }
    }

    /** A bolt that makes one value of another. */
    private abstract static class Step extends BaseRichBolt {
        protected transient TweetCodec codec;
        private transient OutputCollector collector;

        abstract Object apply(Object value) throws Exception;

        @Override
        public void prepare(Map<String, Object> conf, TopologyContext context, OutputCollector collector) {
            this.codec = new TweetCodec();
            this.collector = collector;
        }

        @Override
        public void execute(Tuple in) {
            try {
                collector.emit(in, new Values(apply(in.getValue(0))));
                collector.ack(in);
            } catch (Exception e) {
                collector.reportError(e);
                collector.fail(in);
            }
        }

        @Override
        public void declareOutputFields(OutputFieldsDeclarer declarer) {
            declarer.declare(new Fields("value"));
        }
    }

    private static final class Decoder extends Step {
        @Override
        Object apply(Object value) throws Exception {
            return codec.decode((byte[]) value);
        }
    }

    private static final class Encoder extends Step {
        @Override
        Object apply(Object value) throws Exception {
            return codec.encode((GenericRecord) value);
        }
    }
}
